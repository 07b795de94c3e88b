variable "prefix" {
  description = "What the names of the topic, the dashboard and the API's alarms begin with: yourplace-<stage>"
  type        = string
}

variable "email" {
  description = "The mail address that alarms go to, once it has confirmed; null for none"
  type        = string
  default     = null

  validation {
    condition     = var.email == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.email))
    error_message = "The address for alarms must be a mail address."
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
  description = "Requests in 5 minutes from which the share of refused ones is looked at"
  type        = number
  default     = 20
}
