"""Still pictures, for where no kernel runs."""
