"""One file per page: a function of the queries and of what was asked, to plain data. Templates draw it; JSON is it."""
