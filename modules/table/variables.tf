variable "name" {
  description = "The table's name: yourplace-<stage>-<table>"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "The table's name must be 3 to 255 letters, digits, dots, hyphens and underscores."
  }
}

variable "key" {
  description = "The attribute that is the table's key, a text"
  type        = string
}

variable "indexes" {
  description = "Global indexes by name: their two keys, both texts. An index has all attributes"
  type = map(object({
    hash_key  = string
    range_key = string
  }))
  default = {}
}

variable "ttl_attribute" {
  description = "The attribute with the second (Unix time) after which an item goes; null for none"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the table"
  type        = bool
}
