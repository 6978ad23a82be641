"""The operator's verbs: take a member out, move weights, freeze, undo; and how running servers hear of it."""
