"""What a lesson needs: tapes whose truth is hidden, and a score of what was answered."""
