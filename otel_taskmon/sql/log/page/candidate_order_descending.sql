candidate DESC
