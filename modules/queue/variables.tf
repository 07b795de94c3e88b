variable "name" {
  description = "The queue's name: yourplace-<stage>-<queue>. Its dead letters are in <name>-dead"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,75}$", var.name))
    error_message = "The queue's name must be 1 to 75 letters, digits, hyphens and underscores."
  }
}

variable "visibility_timeout" {
  description = "Seconds that a message stays hidden while it is worked on: six times the function's timeout, and the batch window"
  type        = number

  validation {
    condition     = var.visibility_timeout >= 6 && var.visibility_timeout <= 43200
    error_message = "The visibility timeout must be 6 to 43200 s."
  }
}

variable "max_receives" {
  description = "How often a message is tried before it becomes a dead letter"
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 1000
    error_message = "A message must be tried 1 to 1000 times."
  }
}

variable "from_bucket" {
  description = "The bucket, of this account, whose notifications the queue takes; null for none"
  type = object({
    arn = string
  })
  default = null
}

variable "tls_only" {
  description = "Whether requests without TLS are refused; off only for a local cloud that has none"
  type        = bool
  default     = true
}
