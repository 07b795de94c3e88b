mock_provider "aws" {}

variables {
  name                = "yourplace-test-auctions"
  key                 = "id"
  indexes             = { statusAndEndDate = { hash_key = "status", range_key = "endingAt" } }
  ttl_attribute       = "expiresAt"
  deletion_protection = true
}

run "it_has_its_key_and_its_index" {
  assert {
    condition = (
      aws_dynamodb_table.this.hash_key == "id" &&
      toset([for attribute in aws_dynamodb_table.this.attribute : "${attribute.name} ${attribute.type}"]) == toset(["id S", "status S", "endingAt S"]) &&
      one(aws_dynamodb_table.this.global_secondary_index).hash_key == "status" &&
      one(aws_dynamodb_table.this.global_secondary_index).range_key == "endingAt" &&
      one(aws_dynamodb_table.this.global_secondary_index).projection_type == "ALL"
    )
    error_message = "The key or the index is another one."
  }
}

run "it_is_safe" {
  assert {
    condition = (
      aws_dynamodb_table.this.point_in_time_recovery[0].enabled &&
      aws_dynamodb_table.this.deletion_protection_enabled &&
      aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    )
    error_message = "The table can be lost, or is paid for when nobody uses it."
  }
}

run "items_go_when_their_time_has_come" {
  assert {
    condition     = aws_dynamodb_table.this.ttl[0].attribute_name == "expiresAt" && aws_dynamodb_table.this.ttl[0].enabled
    error_message = "Items stay for ever."
  }
}

run "items_stay_without_that_attribute" {
  variables {
    ttl_attribute = null
  }

  assert {
    condition     = alltrue([for ttl in aws_dynamodb_table.this.ttl : ttl.enabled != true])
    error_message = "Items go by themselves."
  }
}

run "a_name_with_a_space_is_refused" {
  command = plan

  variables {
    name = "my auctions"
  }

  expect_failures = [var.name]
}
