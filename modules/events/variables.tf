variable "name" {
  description = "The topic's name: yourplace-<stage>-<prefix>-events"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,256}$", var.name))
    error_message = "The topic's name must be 1 to 256 letters, digits, hyphens and underscores."
  }
}

variable "bucket_arn" {
  description = "The bucket, of this account, that publishes to the topic"
  type        = string
}
