"""The suites (CONTRIBUTING.md says which is which). A package by file, so that no installed one is taken for it."""
