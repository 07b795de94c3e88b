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

variable "minimum_requests" {
  description = "The fewest requests in 5 minutes for which the share of 4xx responses counts"
  type        = number
  default     = 20
}
