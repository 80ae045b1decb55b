"""Plan to trade: pure deciding machines. The thin driver that awaits venues lives in `dutchbook.engine`."""
