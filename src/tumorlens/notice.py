"""What every surface says."""

NOTICE = "Research use, not a medical device."
