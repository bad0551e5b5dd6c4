"""Routes under `/api/v1`: plans, alerts and decisions, activities, vocabularies. They authenticate, bound and translate;
what is allowed and true is decided in `handlers`, `domain` and `shared.visibility`.
"""
