"""What runs by plain compose becomes blue, without a lost request."""
