variable "sender" {
  description = "The email address that the service sends from"
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.sender))
    error_message = "The sender must be an email address."
  }
}
