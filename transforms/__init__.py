"""What happens to the data: records, plain functions, and the thin PTransforms over them."""
