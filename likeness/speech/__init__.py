"""Speech: sound made from text with exact times, and the units it is spoken in."""
