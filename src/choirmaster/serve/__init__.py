"""Run many members as one: validate once, fan out under one deadline, fuse those present, answer honestly."""
