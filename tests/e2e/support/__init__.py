"""What the end-to-end tests are made of: stacks, and the clients that use them."""
