"""Where the proof with a local cloud runs, and where the suite needs scripts/local instead."""

import os
import socket
import unittest
from unittest import mock

from terraform_checks import proof
from terraform_checks.terraform import Terraform

_REGISTRY = Terraform("the registry's provider", ())
_STAND_IN = Terraform("the stand-in provider", ("with-provider",))


def _found(terraform: Terraform | str, resolves: bool, **environment: str) -> Terraform | str:
    resolver = mock.Mock(side_effect=None if resolves else socket.gaierror("unknown"))
    with (
        mock.patch.object(proof, "find", return_value=terraform),
        mock.patch.object(socket, "getaddrinfo", resolver),
        mock.patch.dict(os.environ, environment),
    ):
        if "TERRAFORM_PROOF" not in environment:
            os.environ.pop("TERRAFORM_PROOF", None)
        return proof.terraform_for_proof()


class TerraformForProof(unittest.TestCase):
    def test_the_registrys_provider_needs_the_name_that_s3_control_calls(self) -> None:
        self.assertIs(_found(_REGISTRY, resolves=True), _REGISTRY)
        reason = _found(_REGISTRY, resolves=False)
        self.assertIn("127.0.0.1 000000000000.localhost", str(reason))

    def test_the_stand_in_needs_no_name(self) -> None:
        self.assertIs(_found(_STAND_IN, resolves=False), _STAND_IN)

    def test_the_pipeline_turns_the_proof_off(self) -> None:
        for terraform in (_REGISTRY, _STAND_IN):
            self.assertIn("TERRAFORM_PROOF", str(_found(terraform, resolves=True, TERRAFORM_PROOF="no")))

    def test_without_terraform_the_reason_stays(self) -> None:
        self.assertEqual(_found("it is not installed", resolves=True), "it is not installed")


if __name__ == "__main__":
    unittest.main()
