module diolkos.dev/bench/floor

go 1.25
