variable "prefix" {
  description = "What all names begin with: yourplace-<stage>"
  type        = string
}

variable "email" {
  description = "The email address that receives alarms once it has confirmed the subscription; null for none"
  type        = string
  default     = null

  validation {
    condition     = var.email == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.email))
    error_message = "The address for alarms must be an email address."
  }
}

variable "api" {
  description = "The API to watch"
  type = object({
    id    = string
    stage = string
  })
}

variable "functions" {
  description = "The functions to watch by short name: the full name, and the timeout in seconds"
  type = map(object({
    name    = string
    timeout = number
  }))
}

variable "queues" {
  description = "The queues to watch by short name: their full names"
  type = map(object({
    name             = string
    dead_letter_name = string
  }))
  default = {}
}

variable "schedules" {
  description = "The functions that must run at least every 15 minutes: full names by short name"
  type        = map(string)
  default     = {}
}

variable "bucket" {
  description = "The bucket to watch: its name, and the bytes above which an alarm is raised"
  type = object({
    name  = string
    bytes = number
  })
}

variable "mail" {
  description = "Whether the stage sends emails through SES, whose bounces and complaints are watched then"
  type        = bool
  default     = false
}

variable "monthly_budget" {
  description = "The US dollars that the account may cost in a month before the topic is notified; null for no budget"
  type        = number
  default     = null
}

variable "minimum_requests" {
  description = "The fewest requests in 5 minutes for which the share of 4xx responses counts"
  type        = number
  default     = 20
}
