variable "prefix" {
  description = "What the names of the function, its role and its log group begin with: yourplace-<stage>"
  type        = string
}

variable "name" {
  description = "The function's name in lambdas/service.json, in snake_case"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.name)) && length("${var.prefix}-${var.name}") <= 64
    error_message = "\"${var.name}\" must be snake_case, and ${var.prefix}-${var.name} at most 64 characters."
  }
}

variable "description" {
  description = "What the function does, for the console"
  type        = string

  validation {
    condition     = length(var.description) <= 256
    error_message = "The description of ${var.name} has more than 256 characters."
  }
}

variable "zip" {
  description = "Path of the zip with the function's bootstrap"
  type        = string
}

variable "architecture" {
  description = "The architecture that the zip was built for: arm64 or x86_64"
  type        = string

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture must be arm64 or x86_64."
  }
}

variable "memory" {
  description = "Memory in MB; Lambda gives CPU time in proportion"
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "The memory of ${var.name} must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Seconds after which Lambda ends a call"
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "The timeout of ${var.name} must be a whole number of seconds from 1 to 900."
  }
}

variable "reserved_concurrency" {
  description = "The most calls at once, which are also set aside for the function; null for no limit of its own"
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= 1 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "The reserved concurrency of ${var.name} must be a whole number of calls, at least 1: with 0, Lambda would refuse every call."
  }
}

variable "environment" {
  description = "Environment variables; no secrets"
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name in keys(var.environment) :
      can(regex("^[A-Z][A-Z0-9_]+$", name)) &&
      (name == "AWS_ENDPOINT_URL" || !can(regex("^(AWS|LAMBDA)_", name)))
    ])
    error_message = "An environment variable of ${var.name} is not in UPPER_CASE, or starts with AWS_ or LAMBDA_, which Lambda reserves."
  }
}

variable "permissions" {
  description = "What the function may do beside writing its log and reading its queue: IAM statements without wildcards, except a trailing /*"
  type = list(object({
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))))
  }))
  default = []

  validation {
    condition = alltrue(flatten([for permission in var.permissions : [
      for action in permission.actions : can(regex("^[a-z0-9-]+:[A-Za-z]+$", action))
    ]]))
    error_message = "A permission of ${var.name} names an action that is not service:Action, or has a wildcard."
  }

  validation {
    condition = alltrue(flatten([for permission in var.permissions : [
      for resource in permission.resources : can(regex("^arn:[^*?]+(/\\*)?$", resource)) || (var.every_resource && resource == "*")
    ]]))
    error_message = "A permission of ${var.name} names a resource that is not an ARN, or has a wildcard before the trailing /*."
  }

  validation {
    condition     = alltrue([for permission in var.permissions : length(permission.actions) > 0 && length(permission.resources) > 0])
    error_message = "A permission of ${var.name} has no actions or no resources."
  }
}

variable "every_resource" {
  description = "Whether a permission may name every resource (*): for a local cloud that does not know which one a call is about"
  type        = bool
  default     = false
  nullable    = false
}

variable "queue" {
  description = "The queue whose messages the function receives; null for none. The window is in seconds, the concurrency is the most calls at once"
  type = object({
    arn          = string
    batch_size   = number
    batch_window = number
    concurrency  = number
  })
  default = null

  validation {
    condition     = var.queue == null ? true : var.queue.batch_size >= 1 && (var.queue.batch_size <= 10 || (var.queue.batch_size <= 10000 && var.queue.batch_window >= 1))
    error_message = "The batch of ${var.name} must have 1 to 10 messages, or up to 10000 with a window of at least 1 s."
  }

  validation {
    condition     = var.queue == null ? true : var.queue.concurrency >= 2 && var.queue.concurrency <= 1000 && floor(var.queue.concurrency) == var.queue.concurrency
    error_message = "A queue must call ${var.name} 2 to 1000 times at once."
  }
}

variable "layers" {
  description = "ARNs of layer versions, such as the extension that keeps the issuers' keys"
  type        = list(string)
  default     = []
}

variable "log_retention_days" {
  description = "Days to keep the function's log"
  type        = number
  default     = 30
}

variable "permissions_boundary" {
  description = "ARN of the role's permissions boundary; null for none"
  type        = string
  default     = null
}
