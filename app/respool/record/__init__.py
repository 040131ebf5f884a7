"""What recording needs besides the proxy: secrets are kept out of files here. Pure: no network, no clock."""
