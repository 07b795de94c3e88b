"""The local cloud: MiniStack's process, the AWS resources in it, and curl commands to try them."""
