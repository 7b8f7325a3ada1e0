"""The pages that people see before they have a client: signing in, consent, their account. They work without JavaScript."""
