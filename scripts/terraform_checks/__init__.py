"""The Terraform steps of scripts/test: what is written is checked, and then made in a fresh local cloud.

`python3 scripts/terraform_checks` runs them alone.
"""
