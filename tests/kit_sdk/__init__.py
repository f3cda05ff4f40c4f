"""Kit's own PHP tests of API v4 against the sandbox: `python -m tests.kit_sdk CHECKOUT` (docs/kit-sdk-tests.md)."""
