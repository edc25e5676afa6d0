"""What the end-to-end tests share: backend, raw HTTP client, process under test, output."""
