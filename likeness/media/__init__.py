"""Images, sound and video: files in and out, and the pixel arithmetic on them."""
