module diolkos.dev/bench/endless

go 1.25
