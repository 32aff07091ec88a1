"""Whether something answers as it should: how it is asked, and what its answer means."""
