"""The local cloud: MiniStack's process, the AWS resources in it, and the curl lines to try them with."""
