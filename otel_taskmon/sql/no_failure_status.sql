StatusCode != 'Error'
