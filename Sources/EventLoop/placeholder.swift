import CEvent
