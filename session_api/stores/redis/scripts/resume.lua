return resume()
