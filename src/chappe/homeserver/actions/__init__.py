"""Operations that span modules, each written once: for the client API, the administration and the command line alike."""
