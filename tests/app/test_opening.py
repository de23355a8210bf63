"""Live opens at a good point, without a browser."""

from labkit import data, live


def test_live_opens_at_the_good_point_in_words(app):
    app.run().switch_page("views/live/page.py").run()
    boxes = {box.label: box for box in app.selectbox}
    session = live.session("vit_fashion", data.load("fashion_mnist").test)
    method, words = live.opening(session)
    assert boxes["method"].value == method
    assert boxes["layers"].value == words["layers"] == "inner"
    assert "all but first and last layers" in boxes["layers"].options
    assert any("Eckart" in caption.value for caption in app.caption)
