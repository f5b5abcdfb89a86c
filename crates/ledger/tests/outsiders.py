"""Verifies a DSSE envelope with securesystemslib, and its statement with in-toto-attestation.

Usage: outsiders.py PUBLIC_KEY_PEM ENVELOPE_JSON. Prints `accepted`, or `rejected: …` with the reason.
"""

import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import Parse, ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

PREDICATES = {
    "https://slsa.dev/provenance/v1": provenance_pb2.Provenance,
    "https://in-toto.io/attestation/test-result/v0.1": test_result_pb2.TestResult,
}

with open(sys.argv[1], "rb") as file:
    # Without a key id of our choosing: the library computes its own, and the envelope's must match.
    key = SSlibKey.from_crypto(load_pem_public_key(file.read()))
with open(sys.argv[2], "rb") as file:
    envelope = Envelope.from_dict(json.load(file))

try:
    envelope.verify([key], 1)
except VerificationError:
    print("rejected: the signature")
    sys.exit(1)

# Both refuse unknown fields.
message = Parse(envelope.payload, statement_pb2.Statement())
Statement.copy_from_pb(message).validate()
predicate = json.loads(envelope.payload)["predicate"]
if message.predicate_type in PREDICATES:
    ParseDict(predicate, PREDICATES[message.predicate_type]())
print("accepted")
