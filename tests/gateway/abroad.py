# SPDX-License-Identifier: Apache-2.0
"""A client for tests to run in another network namespace: makes one call and says what came.

`python -m tests.gateway.abroad TARGET CALL [CA [CERT KEY]]` prints a status code, a space, and the
details of the error or nothing.
"""

import sys
from pathlib import Path

import grpc

from maglev.rpc.service import METHODS, unary


def main() -> None:
    target, name, *files = sys.argv[1:]
    texts = [Path(path).read_bytes() for path in files]
    if texts:
        ca, cert, key = (*texts, None, None)[:3]
        options = [("grpc.ssl_target_name_override", "maglev.example")]
        credentials = grpc.ssl_channel_credentials(ca, key, cert)
        channel = grpc.secure_channel(target, credentials, options)
    else:
        channel = grpc.insecure_channel(target)
    request = METHODS[name].request()
    try:
        unary(channel, name)(request, timeout=10)
    except grpc.RpcError as error:
        print(error.code().name, error.details())
    else:
        print("OK")


if __name__ == "__main__":
    main()
