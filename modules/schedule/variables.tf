variable "name" {
  description = "The schedule's name: yourplace-<stage>-<function>"
  type        = string

  validation {
    condition     = length("${var.name}-schedule") <= 64
    error_message = "The name of the schedule's role, ${var.name}-schedule, has more than 64 characters."
  }
}

variable "expression" {
  description = "When the function runs: rate(1 minute), or cron(0 3 * * ? *) in UTC"
  type        = string

  validation {
    condition     = can(regex("^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)|cron\\([^ ]+( [^ ]+){5}\\))$", var.expression))
    error_message = "\"${var.expression}\" must be rate(1 minute), rate(5 minutes) and the like, or cron(six fields)."
  }
}

variable "function_name" {
  description = "The name of the function that runs"
  type        = string
}

variable "alias_arn" {
  description = "The ARN of the function's alias that runs"
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the role's permissions boundary; null for none"
  type        = string
  default     = null
}
