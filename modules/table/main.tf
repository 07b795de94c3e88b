resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:DynamoDB encrypts every table with a key of its own; one of ours adds a price to each request and protects against nobody who lacks access to the table
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.key
  deletion_protection_enabled = var.deletion_protection

  # A table's key, and the keys of its indexes, are text.
  dynamic "attribute" {
    for_each = toset(concat([var.key], flatten([for index in values(var.indexes) : [index.hash_key, index.range_key]])))

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.hash_key
      range_key       = global_secondary_index.value.range_key
      projection_type = "ALL"
    }
  }

  dynamic "ttl" {
    for_each = var.ttl_attribute[*]

    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  # Any second of the last 35 days can be brought back.
  point_in_time_recovery {
    enabled = true
  }
}
