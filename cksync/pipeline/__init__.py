"""Commands that combine several packages: only these modules connect them."""
