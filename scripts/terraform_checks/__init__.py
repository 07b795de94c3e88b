"""The Terraform steps of scripts/test: check the configuration, then apply it to a fresh local cloud.

`python3 scripts/terraform_checks` runs them alone.
"""
