"""Where rows come from: files in splits that several threads read, and frames of other libraries."""
