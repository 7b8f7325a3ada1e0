"""`python -m chappe`."""

from chappe.cli import main

main()
