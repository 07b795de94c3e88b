variable "sender" {
  description = "The mail address that mails come from"
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.sender))
    error_message = "The sender must be a mail address."
  }
}
