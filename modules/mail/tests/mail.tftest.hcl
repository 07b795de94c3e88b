mock_provider "aws" {}

override_resource {
  target = aws_sesv2_email_identity.this
  values = { arn = "arn:aws:ses:eu-central-1:123456789012:identity/auctions@example.com" }
}

run "the_sender_is_an_identity" {
  variables {
    sender = "auctions@example.com"
  }

  assert {
    condition     = output.sender == "auctions@example.com" && endswith(output.identity_arn, ":identity/auctions@example.com")
    error_message = "The identity differs."
  }
}

run "a_sender_without_a_host_is_refused" {
  command = plan

  variables {
    sender = "auctions"
  }

  expect_failures = [var.sender]
}
