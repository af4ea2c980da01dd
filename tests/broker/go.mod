module ottla-broker

go 1.26.0
