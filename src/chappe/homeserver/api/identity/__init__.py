"""The identity-service API (identity_service specification, v2), for the hosted domains."""
