"""The inner loops. Plain functions of arrays: ``engines/compile.py`` compiles them, tests run them as they stand."""
