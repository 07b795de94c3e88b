variable "name" {
  description = "The queue's name: yourplace-<stage>-<queue>. Its dead-letter queue is <name>-dead"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,75}$", var.name))
    error_message = "The queue's name must be 1 to 75 letters, digits, hyphens and underscores."
  }
}

variable "visibility_timeout" {
  description = "Seconds that a received message stays hidden: six times the timeout of the function that works on it, plus the batch window"
  type        = number

  validation {
    condition     = var.visibility_timeout >= 6 && var.visibility_timeout <= 43200
    error_message = "The visibility timeout must be 6 to 43200 s."
  }
}

variable "max_receives" {
  description = "How often a message is received before it moves to the dead-letter queue"
  type        = number

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 1000
    error_message = "A message must be received 1 to 1000 times."
  }
}

variable "topics" {
  description = "The ARNs of the SNS topics that the queue subscribes to, by name"
  type        = map(string)
  default     = {}
}

variable "tls_only" {
  description = "Whether requests without TLS are refused; off only for a local cloud that has none"
  type        = bool
  default     = true
}
