"""The gate: checks in order, first failure is the reason. Its only product is an Approved plan. Pure."""
