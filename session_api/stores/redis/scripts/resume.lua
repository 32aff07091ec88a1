-- Marks activity, and extends a session.
return resume()
