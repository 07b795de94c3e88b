mock_provider "aws" {}

variables {
  name       = "yourplace-test-library"
  attributes = { user = "S", item = "S", taken = "N", album = "S" }
  hash_key   = "user"
  range_key  = "item"
  indexes = {
    byTime  = { hash_key = "user", range_key = "taken", projection = "ALL" }
    byAlbum = { hash_key = "album", projection = "KEYS_ONLY" }
  }
  ttl                 = "expiresAt"
  deletion_protection = true
}

run "the_table_has_its_keys_and_indexes" {
  assert {
    condition = (
      aws_dynamodb_table.this.hash_key == "user" &&
      aws_dynamodb_table.this.range_key == "item" &&
      jsonencode({ for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type }) == jsonencode(var.attributes) &&
      jsonencode({
        for index in aws_dynamodb_table.this.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type]
      }) == jsonencode({ byTime = ["user", "taken", "ALL"], byAlbum = ["album", null, "KEYS_ONLY"] })
    )
    error_message = "A key or an index differs."
  }
}

run "the_table_needs_neither_a_sort_key_nor_indexes" {
  variables {
    attributes = { id = "S" }
    hash_key   = "id"
    range_key  = null
    indexes    = {}
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "id" && length(aws_dynamodb_table.this.global_secondary_index) == 0
    error_message = "The key or the indexes differ."
  }
}

run "the_table_can_be_restored_and_not_deleted" {
  assert {
    condition = (
      aws_dynamodb_table.this.point_in_time_recovery[0].enabled &&
      aws_dynamodb_table.this.deletion_protection_enabled &&
      aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    )
    error_message = "Data can be lost, or an idle table costs money."
  }
}

run "items_expire_by_the_ttl_attribute" {
  assert {
    condition     = aws_dynamodb_table.this.ttl[0].attribute_name == "expiresAt" && aws_dynamodb_table.this.ttl[0].enabled
    error_message = "Items do not expire."
  }
}

run "items_stay_without_a_ttl_attribute" {
  variables {
    ttl = null
  }

  assert {
    condition     = alltrue([for ttl in aws_dynamodb_table.this.ttl : ttl.enabled != true])
    error_message = "Items expire."
  }
}

run "a_name_with_a_space_is_refused" {
  command = plan

  variables {
    name = "my auctions"
  }

  expect_failures = [var.name]
}
